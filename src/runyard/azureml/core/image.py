"""``azureml.core.image``: not part of runyard."""

from runyard import _stand_ins

_stand_ins.refuse("azureml.core.image", "deployment")
