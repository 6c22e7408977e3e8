/** What an implementer of an SPI runs against the own implementation, and what a user of one tests with. */
@NullMarked
package io.jaconet.testkit;

import org.jspecify.annotations.NullMarked;
