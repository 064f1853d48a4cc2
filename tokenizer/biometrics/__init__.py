"""Protected biometric templates: what a face, a finger or an iris becomes under the key of one enrolment."""

import os

# Read by numpy's OpenBLAS when it is loaded. The matrices here are small: further threads would wait for each other in
# loops, which costs a face a third of its time, and each process of a service has its share of processors already.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
