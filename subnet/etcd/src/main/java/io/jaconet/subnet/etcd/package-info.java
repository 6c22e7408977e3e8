/**
 * Leases in etcd, in flannel's own schema. Speaks etcd's v3 protocol over gRPC with messages of its own, the few that it needs. No network
 * logic: which lease a host may have is decided by its {@link io.jaconet.spi.SubnetManager}.
 */
package io.jaconet.subnet.etcd;
