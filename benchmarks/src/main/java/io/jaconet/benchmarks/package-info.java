/**
 * Benchmarks of whole networks on a real kernel, started by {@link io.jaconet.benchmarks.Bench}. Each measures its reference in the same
 * run, and keeps to network namespaces that it makes and removes.
 */
@NullMarked
package io.jaconet.benchmarks;

import org.jspecify.annotations.NullMarked;
