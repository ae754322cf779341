"""``azureml.studio``, where no installed package has it."""

from runyard import _stand_ins

_stand_ins.refuse("azureml.studio", "pipelines")
