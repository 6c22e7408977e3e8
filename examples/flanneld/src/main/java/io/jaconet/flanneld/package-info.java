/**
 * The daemon flanneld, made of the library: flannel's flags, environment variables, files, health endpoint and signals. What a network
 * does is not here but in the modules that it is made of.
 */
@NullMarked
package io.jaconet.flanneld;

import org.jspecify.annotations.NullMarked;
