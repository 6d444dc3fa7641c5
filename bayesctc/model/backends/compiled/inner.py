"""Functions that only compiled functions call: compiled as parts of these, not separately.

numba optimises every function and generates machine code before it is linked into its callers, where both steps are
repeated: a function five calls deep is compiled six times. Here a function is left uncompiled until the outermost
function is compiled, together with everything it calls. A kernel takes half as long to compile; gradients are the same
to the last bit and no slower. This uses unpublished methods of numba, and so only versions whose methods are known;
with another version, functions are compiled in numba's usual way.
"""

import numba
from numba import _dynfunc, types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler

KNOWN = ("0.68",)  # versions of numba


def inner(function=None, *, forceinline: bool = False, fused: bool = False):
    """Compile a function as a part of those that call it; a decorator.

    Parameters
    ----------
    function : function
    forceinline : bool
        Whether LLVM inlines it at every call, as needed for loops that are to be vectorised.
    fused : bool
        Whether a product and a sum may be one instruction, which rounds once, if the processor has one.

    Returns
    -------
    numba dispatcher
        Python cannot call it, and it cannot hold Python objects: numba refuses both.
    """
    if function is None:
        return lambda one: inner(one, forceinline=forceinline, fused=fused)
    options = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True, "forceinline": forceinline}
    if fused:
        options["fastmath"] = {"contract"}
    if numba.__version__.rsplit(".", 1)[0] not in KNOWN:
        return numba.njit(**options)(function)
    made = numba.njit(pipeline_class=_InnerCompiler, **options)(function)
    fold = made._compiler.fold_argument_types

    def without_literals(args, kws):
        """Take an integer that is written out for any other: numba would compile a copy for each."""
        signature, args = fold(args, kws)
        return signature, tuple(types.unliteral(each) for each in args)

    made._compiler.fold_argument_types = without_literals
    return made


class _InnerCompiler(Compiler):
    """As numba's, into a library that waits to be linked."""

    def define_pipelines(self):
        self.state.flags.no_compile = True
        self.state.library = _Waiting(self.state.targetctx.codegen(), self.state.func_id.func_qualname)
        self.state.library.enable_object_caching()
        return super().define_pipelines()

    def compile_extra(self, func):
        made = super().compile_extra(func)
        module, name = made.fndesc.lookup_module(), made.fndesc.qualname.split(".")[-1]
        handle = _dynfunc.make_function(module, name, "", 0, made.environment, (made.library,))
        made.target_context.insert_user_function(handle, made.fndesc, [made.library])
        return made._replace(entry_point=handle)


class _Waiting(JITCodeLibrary):
    """A function as it is before calls are replaced and loops made vector code, for others to link."""

    def _optimize_final_module(self):
        pass

    def _finalize_final_module(self):
        self._finalize_dynamic_globals()
        self._finalized = True
