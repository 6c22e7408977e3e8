/** How workloads get on the overlay where a container runtime does it: by the CNI plugins, from the file {@code subnet.env}. */
@NullMarked
package io.jaconet.examples.cni;

import org.jspecify.annotations.NullMarked;
