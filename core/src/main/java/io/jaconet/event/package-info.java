/** Time and order: the event loop that owns a network's state, its double in virtual time, and backoff. Knows nothing of networks. */
@NullMarked
package io.jaconet.event;

import org.jspecify.annotations.NullMarked;
