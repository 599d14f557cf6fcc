"""Knows how to run a Python function app on one machine: a stand-in for development, demos and tests.

Production is Azure Functions itself, and `func start` stays usable beside this. devhost loads the app with Microsoft's
own worker library, keeps its storage in Azurite, and does by hand what the Functions host does around it: queue, blob
and timer listeners, HTTP routing, settings. It knows nothing of the app it runs, except that its progress display and
its exit code read the app's HTTP functions `batches` and `batch` when there are such.
"""
