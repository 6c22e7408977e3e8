/**
 * What an implementer of an SPI runs against the own implementation, what a user of one tests with, and support for networks on Linux:
 * a namespace for each test, and a fabric of hosts that are namespaces on one machine. Fakes and fabric need no JUnit.
 */
@NullMarked
package io.jaconet.testkit;

import org.jspecify.annotations.NullMarked;
