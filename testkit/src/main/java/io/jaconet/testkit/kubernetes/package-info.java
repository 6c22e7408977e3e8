/** A Kubernetes API server for tests, as far as networks of nodes need one. */
@NullMarked
package io.jaconet.testkit.kubernetes;

import org.jspecify.annotations.NullMarked;
