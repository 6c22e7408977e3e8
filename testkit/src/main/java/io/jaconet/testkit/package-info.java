/**
 * What an implementer of an SPI runs against the own implementation, what a user of one tests with, and support for networks on Linux:
 * a namespace for each test, a fabric of hosts that are namespaces on one machine, and a real etcd. Fakes, fabric and etcd need no JUnit.
 */
@NullMarked
package io.jaconet.testkit;

import org.jspecify.annotations.NullMarked;
