/**
 * Test support for networks on Linux: a namespace for each test, and a fabric of hosts that are namespaces on one machine. The
 * fabric needs no JUnit.
 */
@NullMarked
package io.jaconet.testkit;

import org.jspecify.annotations.NullMarked;
