"""One module a trigger: an event in, one call of a service. The only code that imports `azure.functions`.

Annotations of handlers are read at run time by the worker, so nothing here may be imported for type checking only.
"""
