/**
 * What Jaconet asks of others. {@link io.jaconet.spi.SubnetManager} says who gets which subnet, {@link io.jaconet.spi.Backend} moves the
 * packets, {@link io.jaconet.spi.IptablesManager} keeps the packet filter right, {@link io.jaconet.spi.LeaseStore} remembers leases for a
 * subnet manager. Each has a contract among the tests that the testkit publishes.
 */
@NullMarked
package io.jaconet.spi;

import org.jspecify.annotations.NullMarked;
