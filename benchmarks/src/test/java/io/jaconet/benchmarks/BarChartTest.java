package io.jaconet.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import io.jaconet.benchmarks.BarChart.Bar;
import io.jaconet.benchmarks.BarChart.Group;
import io.jaconet.benchmarks.BarChart.Panel;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Element;

class BarChartTest {
  private static final BarChart CHART = new BarChart(
      "Paths",
      "a < b & c",
      "medians",
      ImmutableList.of(
          new Panel(
              "throughput",
              ImmutableList.of(
                  new Group(
                      "plain",
                      ImmutableList.of(new Bar("kernel", 200, false), new Bar("udp", 100, true))),
                  new Group("wire", ImmutableList.of(new Bar("udp", 50, true))))),
          new Panel("delay", ImmutableList.of(new Group("plain", ImmutableList.of())))));

  private static Element parsed(BarChart chart) throws Exception {
    var document = chart.svg().getBytes(StandardCharsets.UTF_8);
    return DocumentBuilderFactory.newInstance()
        .newDocumentBuilder()
        .parse(new ByteArrayInputStream(document))
        .getDocumentElement();
  }

  private static List<Element> elements(String name) throws Exception {
    var found = parsed(CHART).getElementsByTagName(name);
    List<Element> elements = new ArrayList<>();
    for (int i = 0; i < found.getLength(); i++) {
      elements.add((Element) found.item(i));
    }
    return elements;
  }

  private static int number(Element element, String attribute) {
    return Integer.parseInt(element.getAttribute(attribute));
  }

  @Test
  void tellsThoseWhoDoNotSeeItWhatItShows() throws Exception {
    assertEquals("img", parsed(CHART).getAttribute("role"));
    assertEquals("title desc", parsed(CHART).getAttribute("aria-labelledby"));
    assertEquals("Paths", elements("title").get(0).getTextContent());
    assertEquals("a < b & c", elements("desc").get(0).getTextContent());
  }

  @Test
  void barsOfAPanelHaveOneScale() throws Exception {
    var bars = elements("rect");

    assertEquals(3, bars.size());
    assertEquals(number(bars.get(0), "width"), 2 * number(bars.get(1), "width"), 1);
    assertEquals(number(bars.get(1), "width"), 2 * number(bars.get(2), "width"), 1);
  }

  @Test
  void everythingIsInsideOfTheDrawing() throws Exception {
    var size = parsed(CHART).getAttribute("viewBox").split(" ", -1);

    for (String name : List.of("rect", "text")) {
      for (Element element : elements(name)) {
        assertTrue(number(element, "x") < Integer.parseInt(size[2]));
        assertTrue(number(element, "y") < Integer.parseInt(size[3]));
      }
    }
  }
}
