#ifndef MP_SERVICE_HEALTH_H
#define MP_SERVICE_HEALTH_H

/*
 * For lib/service: asks the service that listens at LISTEN of the environment whether it is ready,
 * and prints what is wrong. For containers without a shell, whose health check is the program
 * itself. The exit status: 0 ready, 1 not, 2 when LISTEN names no port.
 */
int service_health(void);

#endif
