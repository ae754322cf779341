# sh mpi_found.sh MPIEXEC PROGRAM [ARGUMENT]...: starts the ranks of a job in an image, whose MPI
# nobody knew when the run was planned, with the options of that MPI: RUNYARD_<NAME>_OPTIONS.
mpiexec=$(command -v "$1") || {
    echo "the image has no program $1: install an MPI in it, or let runyard bring one" \
        "(python.user_managed_dependencies = False)" >&2
    exit 127
}
shift
version=$("$mpiexec" --version 2>&1)
case $version in
    *'Intel(R) MPI'*)
        options=$RUNYARD_IMPI_OPTIONS
        bin=${mpiexec%/*}
        export I_MPI_ROOT="${I_MPI_ROOT:-${bin%/*}}" ;;
    *HYDRA*) options=$RUNYARD_MPICH_OPTIONS ;;
    *'Open MPI'* | *OpenRTE*) options=$RUNYARD_OPENMPI_OPTIONS ;;
    *)
        echo "$mpiexec of the image is none of MPICH, Open MPI and Intel MPI: $version" >&2
        exit 126 ;;
esac
unset RUNYARD_IMPI_OPTIONS RUNYARD_MPICH_OPTIONS RUNYARD_OPENMPI_OPTIONS
exec "$mpiexec" $options "$@"
