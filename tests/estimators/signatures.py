"""The constructors of SDK v1, as `name=default`; all but the first are keywords."""

_SHARED = """
source_directory compute_target=None vm_size=None vm_priority=None entry_script=None
script_params=None {counts} use_docker=True {older_image} custom_docker_image=None
image_registry_details=None user_managed=False conda_packages=None pip_packages=None
conda_dependencies_file_path=None pip_requirements_file_path=None conda_dependencies_file=None
pip_requirements_file=None environment_variables=None environment_definition=None inputs=None
{store} shm_size=None resume_from=None max_run_duration_seconds=None {framework}
_disable_validation=True _show_lint_warnings=False _show_package_warnings=False
"""
_FRAMEWORK = "framework_version=None _enable_optimized_mode=False"
_DISTRIBUTED = "distributed_backend=None distributed_training=None use_gpu=False"


def _words(counts: str, framework: str, several: bool = True) -> list[str]:
    text = _SHARED.format(
        counts=f"{counts} {_DISTRIBUTED}" if several else "",
        older_image="custom_docker_base_image=None" if several else "",
        store="source_directory_data_store=None" if several else "",
        framework=framework,
    )
    return text.split()


_COUNTS = "node_count=1 process_count_per_node=1"
_SERVERS = f"{_COUNTS} worker_count=1 parameter_server_count=1"
SIGNATURES = {
    "Estimator": _words(_COUNTS, ""),
    "Chainer": _words(_COUNTS, _FRAMEWORK),
    "PyTorch": _words(_COUNTS, _FRAMEWORK),
    "TensorFlow": _words(_SERVERS, _FRAMEWORK),
    "SKLearn": _words("", _FRAMEWORK, several=False),
}
