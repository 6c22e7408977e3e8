/** The overlay as values and pure rules: configuration, leases, encapsulation, underlay. */
@NullMarked
@Value.Style(
    visibility = Value.Style.ImplementationVisibility.PACKAGE,
    overshadowImplementation = true,
    defaults = @Value.Immutable(copy = false))
package io.jaconet.overlay;

import org.immutables.value.Value;
import org.jspecify.annotations.NullMarked;
