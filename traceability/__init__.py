"""What happened: capture, custody, verification; also the Django project."""
