"""INTERIM epilogue."""
from __future__ import annotations
from graphc.codegen.llvm_run import emit_dim
from graphc.loopir import *
from graphc.symbolic import affine

class Epilogue:
    def __init__(self, kernel, writer, target, pointers):
        self.k=kernel; self.w=writer; self.p=pointers
    @property
    def is_light(self):
        return sum(1 for s in self.k.epilogue for e in expressions(s.value) if isinstance(e,Call))<=4
    def emit(self, env, at, total, mask):
        b=self.w.builder
        env={**env, self.k.row[0]:at[0], self.k.column[0]:at[1]}
        loc={'sum':total}
        w=self.w
        def ex(e):
            match e:
                case Const(v,_): 
                    import struct
                    return f'splat (float {float(v)!r})' if w.dtype=='float32' else f'splat (double {float(v)!r})'
                case Local(n,_): return loc[n]
                case Load(buf,off,dt,_,_):
                    c,_=affine(off,self.k.column[0])
                    return w.gather(b.gep(self.p[buf],emit_dim(b,off,env),w.scalar),c,dt,mask)
                case Call(p,a,_):
                    a=[ex(x) for x in a]
                    if p=='maximum': return b.call(w.vector,f'llvm.maxnum.{w._suffix}',[(w.vector,x) for x in a])
                    return b.value(f"{ {'add':'fadd','multiply':'fmul','subtract':'fsub'}[p]} {w.vector} {a[0]}, {a[1]}")
        for s in self.k.epilogue:
            if isinstance(s,Let): loc[s.name]=ex(s.value)
            else:
                v=ex(s.value); c,_=affine(s.offset,self.k.column[0]); pt=b.gep(self.p[s.buffer],emit_dim(b,s.offset,env),w.scalar)
                if c==1 or self.k.column[1]==1:
                    if mask is None: w.store(v,pt)
                    else: b.call('void',f'llvm.masked.store.{w._suffix}.p0',[(w.vector,v),('ptr',pt),('i32',4),(w.mask_type,mask)])
                else:
                    raise ValueError('interim')
