package io.jaconet;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A record of the store that is not trusted with the kernel.
 *
 * @param key its key in the store
 * @param holder the node id of its writer, null if unknown
 * @param reason why
 * @param since when that was noticed
 */
public record Quarantined(String key, @Nullable String holder, String reason, Instant since) {}
