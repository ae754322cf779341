# Enters a container with apptainer, or singularity: sh apptainer.sh [OPTION]... IMAGE PROGRAM
# [ARGUMENT]..., as of its own `exec`. 127: neither is on this node.
#
# The program itself does not count as a process of the run, and nor does what it starts to mount the
# image, which has to be there for as long as the script: only what is in the container is told to
# end. --cleanenv lets in what is named here, of this node.
for program in apptainer singularity ''; do
    command -v "$program" >/dev/null && break
done
case $program in
    apptainer) prefix=APPTAINERENV_ ;;
    singularity) prefix=SINGULARITYENV_ ;;
    *)
        echo "there is no program apptainer or singularity on PATH of node $(uname -n): have a" \
            "module loaded that brings it (attach the cluster with modules=), or choose other nodes" >&2
        exit 127 ;;
esac

for name in RUNYARD_RUN_DIRECTORY CUDA_VISIBLE_DEVICES ROCR_VISIBLE_DEVICES \
    SLURM_JOB_ID SLURM_JOB_NODELIST SLURMD_NODENAME; do
    eval "value=\${$name-}"
    [ -z "$value" ] || export "$prefix$name=$value"
done
[ ! -e /dev/nvidiactl ] || set -- --nv "$@"
RUNYARD_RUN_DIRECTORY=/ exec "$program" exec "$@"
