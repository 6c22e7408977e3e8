/**
 * Leases in the Kubernetes API: the cluster assigns subnets, annotations of the nodes carry what flannel publishes. Speaks the few calls of
 * the API that it needs by itself. Masquerading, devices and routes are others' business.
 */
package io.jaconet.subnet.kubernetes;
