/** What several packages and the stores of module {@code subnet} share and no user sees: text that is safe to print, files that are never torn, named threads. */
@NullMarked
package io.jaconet.internal;

import org.jspecify.annotations.NullMarked;
