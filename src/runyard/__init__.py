"""runyard: the Estimator system of Azure ML SDK v1, self-hosted and open."""
