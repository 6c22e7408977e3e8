/**
 * The VXLAN backend over the kernel's VXLAN device, compatible with flannel's. {@link io.jaconet.vxlan.VxlanBackendProvider} is all that an
 * application ever names, if at all: it is found by its type, {@code vxlan}.
 */
@NullMarked
package io.jaconet.vxlan;

import org.jspecify.annotations.NullMarked;
