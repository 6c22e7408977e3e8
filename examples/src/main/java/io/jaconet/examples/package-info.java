/** One small program per question. The lab, which is a program for people to play with, is a package of its own. */
@NullMarked
package io.jaconet.examples;

import org.jspecify.annotations.NullMarked;
