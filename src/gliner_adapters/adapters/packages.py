"""The packages whose methods an adapter was made with: there, or an error that says what to install."""

from __future__ import annotations

from pathlib import Path

from gliner_adapters.adapters.config import CONFIG_FILE, AdapterConfig
from gliner_adapters.errors import AdapterError, PluginError
from gliner_adapters.methods import METHODS
from gliner_adapters.methods.registry import METHOD_PLUGINS
from gliner_adapters.plugins import OWN, same_package


def check_plugins(config: AdapterConfig, folder: Path) -> None:
    """See that each method of another package is here, and the same package's.

    A method that was registered in this process, while its file is written, may be no package's yet.

    Args:
        config: the adapter's.
        folder: where it lies, for the message.

    Raises:
        AdapterError: a package is missing, cannot be loaded, or another one has a method of that name.
    """
    for method, package in config.plugins.items():
        where = folder / CONFIG_FILE
        version = config.versions.get(package)
        made = f"{where}: the adapter was made with the method {method!r} of the package {package}" + (
            f" {version}" if version else ""
        )
        try:
            plugin = METHOD_PLUGINS.plugin(method)
            known = METHOD_PLUGINS.get(method) or METHODS.get(method)
        except PluginError as error:
            raise AdapterError(f"{made}, which cannot be used here: {error}") from error
        if known is None:
            raise AdapterError(
                f"{made}, which is not installed; if you trust it, `pip install {package}` makes the method known"
            )
        here = (
            plugin.package if plugin is not None else OWN if known.__module__.startswith("gliner_adapters.") else None
        )
        if here is not None and same_package(here) != same_package(package):
            raise AdapterError(
                f"{made}, and here {method!r} is a method of {here}, which is another one; uninstall it and install "
                f"{package}"
            )
