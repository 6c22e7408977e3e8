package io.jaconet.examples.lab;

import io.jaconet.OverlayNetwork;
import io.jaconet.testkit.Host;
import io.jaconet.testkit.Workload;

/**
 * A host that has joined.
 *
 * @param host the host
 * @param network its side of the overlay network
 * @param workload the workload in its subnet
 */
record Node(Host host, OverlayNetwork network, Workload workload) {}
