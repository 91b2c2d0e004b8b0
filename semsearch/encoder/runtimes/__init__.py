"""What a model is run by: PyTorch, or OpenVINO on a graph that is converted once."""
