"""What `monitor doctor` looks at: each part of an installation, one line each, changing nothing."""
