/** Joining an overlay network and living with it. Start at {@link io.jaconet.Jaconet}. */
@NullMarked
@Value.Style(
    visibility = Value.Style.ImplementationVisibility.PACKAGE,
    defaults = @Value.Immutable(copy = false))
package io.jaconet;

import org.immutables.value.Value;
import org.jspecify.annotations.NullMarked;
