/** The Linux kernel as Jaconet sees it: rtnetlink, network namespaces, underlay selection. */
@NullMarked
package io.jaconet.linux;

import org.jspecify.annotations.NullMarked;
