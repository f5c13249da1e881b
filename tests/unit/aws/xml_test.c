#include "reconciler/provider/aws/xml.h"
#include <string.h>

static XmlDocument *parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    XmlDocument *document = xml_parse(view_from(text), &error);
    g_assert_no_error(error);
    return document;
}

static void test_reading(void)
{
    g_autoptr(XmlDocument) document =
        parse("<?xml version=\"1.0\"?><!-- a --><r:DescribeInstancesResponse xmlns:r=\"http://ec2\" "
              "a=\"b\">\n <requestId>x&amp;y</requestId>\n"
              "<reservationSet><item><id>1</id></item>\n<other/><item><id> 2 "
              "</id><n>-7</n><t>true</t></item></reservationSet><tagSet/>"
              "</r:DescribeInstancesResponse>");
    const XmlElement *root = xml_root(document), *item = xml_find(root, "reservationSet/item");
    g_assert_cmpstr(root->name, ==, "DescribeInstancesResponse");
    g_assert_cmpstr(root->text, ==, "");
    g_assert_cmpstr(xml_text(root, "requestId"), ==, "x&y");
    g_assert_cmpstr(xml_text(item, "id"), ==, "1");
    item = xml_next(item);
    g_assert_cmpstr(xml_text(item, "id"), ==, " 2 ");
    g_assert_cmpint(xml_number(item, "n", 0), ==, -7);
    g_assert_cmpint(xml_number(item, "id", 5), ==, 5);
    g_assert_true(xml_is_true(item, "t"));
    g_assert_false(xml_is_true(item, "none"));
    g_assert_null(xml_next(item));
    g_assert_cmpstr(xml_text(root, "tagSet"), ==, "");
    g_assert_null(xml_find(root, "tagSet/item"));
    g_assert_null(xml_text(NULL, "a"));
    g_assert_null(xml_next(NULL));
}

static void test_refused(void)
{
    GString *deep = g_string_new(NULL), *wide = g_string_new("<a>");
    for (int i = 0; i < XML_DEPTH_MAX + 1; i++)
        g_string_append(deep, "<a>");
    for (int i = 0; i < XML_DEPTH_MAX + 1; i++)
        g_string_append(deep, "</a>");
    for (unsigned i = 0; i < XML_ELEMENTS_MAX; i++)
        g_string_append(wide, "<b/>");
    g_string_append(wide, "</a>");
    const struct {
        const char *text, *why;
    } cases[] = {{"", "no element"},
                 {"plain", "line 1"},
                 {"<a>", "no element"},
                 {"<a></b>", "mismatched"},
                 {"<a>&x;</a>", "undefined entity"},
                 {"<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>", "document type"},
                 {"<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>", "document type"},
                 {"<html><br></html>", "mismatched"},
                 {deep->str, "nested too deeply"},
                 {wide->str, "too many elements"}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(xml_parse(view_from(cases[i].text), &error));
        g_assert_error(error, G_CONVERT_ERROR, G_CONVERT_ERROR_ILLEGAL_SEQUENCE);
        if (!strstr(error->message, cases[i].why))
            g_error("%.40s: %s", cases[i].text, error->message);
    }
    g_string_free(deep, TRUE);
    g_string_free(wide, TRUE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xml/reading", test_reading);
    g_test_add_func("/xml/refused", test_refused);
    return g_test_run();
}
