package io.jaconet;

import java.time.Duration;
import java.time.Instant;

/**
 * Something in the kernel that others changed and that was mended.
 *
 * @param object what it is, such as {@code route 10.244.7.0/24}
 * @param expected how it should be, and is again, in words; empty if it should not be there
 * @param found how it was found, in words; empty if it was gone
 * @param since when that was noticed
 * @param took how long it took from then until it was mended
 */
public record Drift(String object, String expected, String found, Instant since, Duration took) {}
