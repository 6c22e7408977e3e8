package io.jaconet.overlay;

import org.jspecify.annotations.Nullable;

/**
 * A record among the leases that is none.
 *
 * @param key its key in the store
 * @param subnets the subnets that the key names, null if it is no subnet key
 * @param reason what is wrong with it
 */
public record UnreadableRecord(String key, @Nullable Subnets subnets, String reason) {}
