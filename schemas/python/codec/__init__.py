"""Python values as the nodes of oast_value.h, and back.

The one source of the host package (oast._codec) and of the Python kernel (oast_kernel.codec), which
differ in their policy alone. Imports nothing but the standard library, and of that only what each
value needs: a kernel is to start quickly. Python 3.8 or later.
"""
