package io.jaconet.benchmarks;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.Lists;
import com.google.common.xml.XmlEscapers;
import java.util.List;
import java.util.Locale;

/**
 * A drawing of bars in panels, two beside each other, as an SVG document. It has no background, and its colors can be seen on a white one as
 * well as on a black one.
 *
 * @param title what it shows
 * @param description what those are told who do not see it
 * @param caption the line below
 */
record BarChart(String title, String description, String caption, ImmutableList<Panel> panels) {
  private static final int COLUMNS = 2;
  private static final int PANEL_WIDTH = 430;
  private static final int GAP = 30;
  private static final int TITLE_HEIGHT = 28;
  private static final int GROUP_HEIGHT = 18;
  private static final int BAR_HEIGHT = 15;
  private static final int BAR_THICKNESS = 10;
  private static final int LABEL_WIDTH = 110;
  private static final int VALUE_WIDTH = 50;
  private static final int CAPTION_HEIGHT = 20;

  private static final String STYLE = """
      <style>
      svg { font: 12px sans-serif; fill: #747d87 }
      .title { font-weight: bold }
      .group { font-style: italic }
      .label { font-size: 11px; text-anchor: end }
      .value { font-size: 11px }
      .caption { font-size: 11px; text-anchor: middle }
      .plain { fill: #a3acb5 }
      .strong { fill: #2f81d6 }
      </style>
      """;

  /** Bars with one scale. */
  record Panel(String title, ImmutableList<Group> groups) {
    private int height() {
      int bars = groups.stream().mapToInt(group -> group.bars.size()).sum();
      return TITLE_HEIGHT + groups.size() * GROUP_HEIGHT + bars * BAR_HEIGHT;
    }

    private double greatest() {
      return groups.stream()
          .flatMap(group -> group.bars.stream())
          .mapToDouble(Bar::value)
          .max()
          .orElse(0);
    }
  }

  /** Bars under one heading. */
  record Group(String title, ImmutableList<Bar> bars) {}

  /**
   * A bar.
   *
   * @param strong whether it is one to look at
   */
  record Bar(String label, double value, boolean strong) {}

  /** Returns the document. */
  String svg() {
    var shapes = new StringBuilder();
    int top = 0;
    for (List<Panel> row : Lists.partition(panels, COLUMNS)) {
      for (int column = 0; column < row.size(); column++) {
        draw(row.get(column), column * (PANEL_WIDTH + GAP), top, shapes);
      }
      top += row.stream().mapToInt(Panel::height).max().orElse(0) + GAP;
    }
    int width = COLUMNS * (PANEL_WIDTH + GAP) - GAP;
    text("caption", width / 2, top, caption, shapes);
    return """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="title desc">
        <title id="title">%s</title>
        <desc id="desc">%s</desc>
        %s%s</svg>
        """.formatted(
            width, top + CAPTION_HEIGHT, escaped(title), escaped(description), STYLE, shapes);
  }

  private static void draw(Panel panel, int left, int top, StringBuilder shapes) {
    double scale =
        (PANEL_WIDTH - LABEL_WIDTH - VALUE_WIDTH) / Math.max(panel.greatest(), Double.MIN_NORMAL);
    text("title", left, top + TITLE_HEIGHT / 2, panel.title, shapes);
    int y = top + TITLE_HEIGHT;
    for (Group group : panel.groups) {
      text("group", left, y + GROUP_HEIGHT / 2, group.title, shapes);
      y += GROUP_HEIGHT;
      for (Bar bar : group.bars) {
        draw(bar, scale, left + LABEL_WIDTH, y + BAR_HEIGHT / 2, shapes);
        y += BAR_HEIGHT;
      }
    }
  }

  private static void draw(Bar bar, double scale, int left, int middle, StringBuilder shapes) {
    int length = (int) Math.round(bar.value * scale);
    text("label", left - 6, middle, bar.label, shapes);
    shapes.append(String.format(
        Locale.ROOT,
        "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>%n",
        bar.strong ? "strong" : "plain",
        left,
        middle - BAR_THICKNESS / 2,
        length,
        BAR_THICKNESS));
    text("value", left + length + 5, middle, Report.figure(bar.value), shapes);
  }

  private static void text(String kind, int x, int middle, String text, StringBuilder shapes) {
    shapes.append(String.format(
        Locale.ROOT,
        "<text class=\"%s\" x=\"%d\" y=\"%d\" dy=\".35em\">%s</text>%n",
        kind,
        x,
        middle,
        escaped(text)));
  }

  private static String escaped(String text) {
    return XmlEscapers.xmlContentEscaper().escape(text);
  }
}
