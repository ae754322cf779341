"""Use a secret without showing it."""

from azureml.core import Run

run = Run.get_context()
password = run.get_secret(name="database-password")
run.log("length", len(password))
print("signed in with a password of", len(password), "letters")
