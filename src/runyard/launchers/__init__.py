"""How the processes of a run start on its nodes. Plans only; the runner carries them out."""
