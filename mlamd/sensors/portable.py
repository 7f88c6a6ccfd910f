"""The choice of the file sensor of the portable watch mode."""

import sys

from mlamd.sensors.base import FileSensor


def file_sensor() -> type[FileSensor]:
    """Return the sensor class for this system."""
    if sys.platform == "linux":
        from mlamd.sensors.inotify import InotifySensor  # noqa: PLC0415  (needs Linux's C library)

        sensor: type[FileSensor] = InotifySensor
    else:
        from mlamd.sensors.observer import ObserverSensor  # noqa: PLC0415  (starts watchdog's machinery)

        sensor = ObserverSensor
    return sensor
