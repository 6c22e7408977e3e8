/**
 * Who holds which subnet, decided over any {@link io.jaconet.spi.LeaseStore}: {@link io.jaconet.subnet.StoreSubnetManager}. And two stores:
 * one shared by the networks of a JVM, one in a directory of a host. Nothing here knows the kernel.
 */
@NullMarked
package io.jaconet.subnet;

import org.jspecify.annotations.NullMarked;
