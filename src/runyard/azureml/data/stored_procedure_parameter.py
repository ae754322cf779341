"""``azureml.data.stored_procedure_parameter``."""

from runyard import _names

_names.offer(
    __name__, absent={"pipelines": ("StoredProcedureParameter", "StoredProcedureParameterType")}
)
