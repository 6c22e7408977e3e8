package io.jaconet.overlay;

import org.jspecify.annotations.Nullable;

/**
 * Asks for a lease.
 *
 * @param config the network
 * @param nodeId who asks: stable over restarts and changes of address, unlike every other node's
 * @param attributes what to publish
 * @param previous subnets that the node had before and would like again, null for none
 */
public record LeaseRequest(
    NetworkConfig config,
    String nodeId,
    LeaseAttributes attributes,
    @Nullable Subnets previous) {}
