"""What several tests share: stand-ins, references, and programs that kill, crowd and damage."""
