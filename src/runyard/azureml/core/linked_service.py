"""``azureml.core.linked_service``: not part of runyard."""

from runyard import _stand_ins

_stand_ins.refuse("azureml.core.linked_service", "azure")
