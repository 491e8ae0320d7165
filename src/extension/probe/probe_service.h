/* probe_service.h: the probe as a service that somebody else started (missing_photos.probe_socket). */
#ifndef MISSING_PHOTOS_PROBE_SERVICE_H
#define MISSING_PHOTOS_PROBE_SERVICE_H

/*
 * Connects to the service; returns a non-blocking socket, to be let go with probe_process_release,
 * or raises an error.
 */
extern pgsocket probe_service_connect(const char *path);

#endif							/* MISSING_PHOTOS_PROBE_SERVICE_H */
